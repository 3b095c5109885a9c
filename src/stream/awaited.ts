/** A sent message whose fate the commit waits for, so that nobody else has to. */
export interface LeftToCommit {
  readonly isLeftToCommit: true
}

/** What a call has to be waited for, as a promise; `null` for nothing. */
export function awaited(result: unknown): Promise<unknown> | null {
  if (result instanceof Promise) return result
  const thenable = result as (PromiseLike<unknown> & Partial<LeftToCommit>) | null | undefined
  if (typeof thenable?.then !== 'function' || thenable.isLeftToCommit === true) return null
  return Promise.resolve(thenable)
}
