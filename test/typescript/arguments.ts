/** Node's arguments that let a process which a test starts run TypeScript, whatever its working directory is. */
export const TYPESCRIPT: readonly string[] = ['--import', import.meta.resolve('./register.js')];
