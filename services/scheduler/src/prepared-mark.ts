/**
 * What stands as the body of a request whose body was checked where it was parsed; what became of it is
 * `prepared`.
 */
export const PREPARED: unique symbol = Symbol('prepared');
