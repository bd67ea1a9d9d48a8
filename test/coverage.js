// What `npm run test:protocol` measures, whichever test runs: the codec, wanted at 100 %.
export default () => ['protocol/**/*.ts'];
