/** A promise and the functions that settle it. */
interface Resolvers<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value | PromiseLike<Value>) => void
  readonly reject: (reason?: unknown) => void
}

type NewerPromise = PromiseConstructor & { withResolvers?: <Value>() => Resolvers<Value> }

/** Gives this runtime `Promise.withResolvers` where it has none (Node 20): a library that we use calls it. */
export function provideWithResolvers(): void {
  const constructor: NewerPromise = Promise
  constructor.withResolvers ??= withResolvers
}

function withResolvers<Value>(this: PromiseConstructor | void): Resolvers<Value> {
  const Constructor = this ?? Promise
  let resolve!: Resolvers<Value>['resolve']
  let reject!: Resolvers<Value>['reject']
  const promise = new Constructor<Value>((...functions) => {
    ;[resolve, reject] = functions
  })
  return { promise, resolve, reject }
}
