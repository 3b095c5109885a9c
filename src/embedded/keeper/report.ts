import type { WireError } from '../wire/protocol.js'

/** What the thread tells its process. */
export type Report =
  /** Nobody serves the directory: this thread tries to. */
  | { readonly type: 'opening' }
  | { readonly type: 'serving' }
  /** Another one serves, and is being watched. */
  | { readonly type: 'standing by' }
  /** It does not work yet, and is tried again. */
  | { readonly type: 'trouble'; readonly error: WireError }
  /** It does not work, and trying again would not change that: the thread ends. */
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'log'; readonly level: Level; readonly facts: object; readonly message: string }

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** What the thread is told when it starts; the only message that it gets later says that it shall stop. */
export interface Assignment {
  readonly directory: string
}
