/** Whether a name, NUL included, is `.` or `..`. */
export function isDots(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 2 || (name.length === 3 && name[1] === 0x2e));
}
