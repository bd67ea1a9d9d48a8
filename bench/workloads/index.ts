// Everything that is measured, family by family.

import type { Family } from '../workload.ts';
import { cost } from './cost.ts';
import { data } from './data.ts';
import { listing } from './listing.ts';
import { metadata } from './metadata.ts';
import { migration } from './migration.ts';
import { programs } from './programs.ts';
import { trouble } from './trouble.ts';

export const families: readonly Family[] = [metadata, listing, programs, data, migration, trouble, cost];
