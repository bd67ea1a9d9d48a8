// Why a session could not begin or go on, in one line for the operator.

export class SessionError extends Error {
  override readonly name: string = 'SessionError';
}
