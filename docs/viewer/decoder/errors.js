/* A file that no encoder wrote: the message says where, what was expected and what was got. */
export class FormatError extends Error {}

/* A number within low … high, or FormatError. */
export function expect(what, value, low, high) {
  if (!(value >= low && value <= high)) throw new FormatError(`${what}: expected ${low} to ${high}, got ${value}`);
  return value;
}

/* FormatError unless something holds. */
export function require(holds, message) {
  if (!holds) throw new FormatError(message);
}
