/** The layers cannot be served; `message` names the thing and the mend. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
