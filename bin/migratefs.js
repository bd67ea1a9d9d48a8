#!/usr/bin/env node
// Starts the compiled program. Everything that it does is in src/cli/.
import { main } from '../dist/src/cli/main.js';

await main(process.argv);
