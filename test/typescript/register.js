import { register } from 'node:module';

register('./load.js', import.meta.url);
