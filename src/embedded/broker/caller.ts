import type { Answer, FetchRequest, Notice } from '../wire/protocol.js'
import { keyOf } from './keys.js'
import type { Question } from './question.js'

/** A client, as those know it who do what it asks. */
export interface Caller {
  /** The identity of its process; `null` when nobody could tell that it is dead. */
  readonly process: string | null
  /** The members of groups that speak through it, see `seatOf`. */
  readonly seats: Set<string>
  /** Wants to know when topics change. */
  isWatching: boolean
  /** Once everything that has changed so far is committed. */
  notify(notice: Notice): void
  /** Cuts it off; nothing of it is left afterwards. */
  end(): void
  /** Answers when there is something to read. */
  fetch(request: FetchRequest, question: Question<Answer<'fetch'>>): void
}

/** What a caller knows a member by. */
export function seatOf(groupId: string, memberId: string): string {
  return keyOf('group', groupId, memberId)
}
