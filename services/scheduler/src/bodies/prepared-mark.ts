/** Placeholder body of a request whose body was checked while it was parsed; the outcome is in `prepared`. */
export const PREPARED: unique symbol = Symbol('prepared');
