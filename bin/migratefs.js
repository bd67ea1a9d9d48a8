#!/usr/bin/env node
// Starts the compiled program. Everything that it does is in src/cli/.
import { main } from '../dist/program/main.js';

await main(process.argv);
