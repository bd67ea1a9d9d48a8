// How a plot looks, in light and in dark.

import { peers } from '../peers.ts';

/** By the order of the table of peers; to be told apart on white and on black, and without red beside green. */
const COLOURS = [
  '#8a8a8a',
  '#b58900',
  '#0072b2',
  '#56b4e9',
  '#cc79a7',
  '#e5484d',
  '#f2994a',
  '#9b51e0',
  '#009e73',
  '#6fcf97',
  '#4f4fff',
];

export const PLOT_STYLE = `
:root { color-scheme: light dark; --back: #fff; --ink: #1a1a1a; --faint: #8884; --soft: #666 }
@media (prefers-color-scheme: dark) { :root { --back: #16181b; --ink: #e6e6e6; --faint: #8886; --soft: #aaa } }
svg text, text { fill: var(--ink); font: 12px system-ui, sans-serif } .back { fill: var(--back) }
.label { text-anchor: end } svg .tick { text-anchor: middle; fill: var(--soft) }
.grid { stroke: var(--faint) } .one { stroke: var(--ink); stroke-dasharray: 4 3 }
.peer { stroke: var(--peer); fill: var(--peer) } .peer circle { stroke: var(--back); stroke-width: 1 }
${peers.map(({ name }, i) => `.${name} { --peer: ${COLOURS[i % COLOURS.length]} }`).join('\n')}
`;
