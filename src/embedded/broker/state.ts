import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.js'
import type { Logger } from '../../lib/log.js'
import type { Random } from '../../lib/random.js'
import { type OpenLog, type Topic, Topics } from '../topics.js'
import { type Caller, seatOf } from './caller.js'
import type { Committer } from './committer.js'
import { Groups } from './groups.js'
import { keyOf } from './keys.js'
import type { Partition } from './partition.js'
import { Producers } from './producers.js'
import { TransactionNumbers } from './transaction-numbers.js'

/** What a broker holds; the requests of all its clients work on this. */
export class BrokerState {
  readonly directory: string
  readonly epoch: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly committer: Committer
  readonly topics: Topics<Partition>
  readonly groups: Groups
  readonly producers: Producers
  readonly transactionNumbers: TransactionNumbers
  /** Who is connected. */
  readonly callers: Set<Caller> = new Set()
  /** Resolves when the files of topics that are deleted are gone. */
  removed: Promise<void> = Promise.resolve()
  #isNoticeDue = false

  constructor(facts: Facts, openLog: OpenLog<Partition>) {
    const { clock, random, log, committer, isDead } = facts
    this.directory = facts.directory
    this.epoch = facts.epoch
    this.clock = clock
    this.random = random
    this.log = log
    this.committer = committer
    this.topics = new Topics(openLog)
    const nudge = (groupId: string, memberId: string): void => this.nudge(groupId, memberId)
    this.groups = new Groups({ committer, clock, isDead, nudge })
    this.transactionNumbers = new TransactionNumbers(committer)
    this.producers = new Producers(random, { committer, clock, log, numbers: this.transactionNumbers })
  }

  /** Asks a member to join again. */
  nudge(groupId: string, memberId: string): void {
    const seat = seatOf(groupId, memberId)
    for (const caller of this.callers) if (caller.seats.has(seat)) caller.notify({ type: 'rebalance', groupId, memberId })
  }

  /** A topic is new, or has new partitions. */
  storeTopic(topic: Topic<Partition>): void {
    this.committer.set(keyOf('topic', topic.name), topic.describe())
    this.#topicsChanged()
  }

  /** A topic is gone, and with it all that is known of it; its files are once that is committed. */
  forgetTopic(topic: Topic<Partition>): void {
    this.committer.delete(keyOf('topic', topic.name))
    for (const partition of topic.logs) partition.forget()
    this.groups.forgetTopic(topic.name)
    this.#topicsChanged()
    this.committer.after(error => {
      if (error === null) this.removed = this.removed.then(() => this.#removeFiles(topic))
    })
  }

  /** Tells who watches by then, once for all changes of one commit. */
  #topicsChanged(): void {
    if (this.#isNoticeDue) return
    this.#isNoticeDue = true
    this.committer.after(error => {
      this.#isNoticeDue = false
      if (error === null) for (const caller of this.callers) if (caller.isWatching) caller.notify({ type: 'topics' })
    })
  }

  async #removeFiles({ id, name, logs }: Topic<Partition>): Promise<void> {
    try {
      await Promise.all(logs.map(({ log }) => log.delete()))
      await rm(join(this.directory, 'logs', id), { recursive: true, force: true })
    } catch (error) {
      this.log.warn({ topic: name, error }, 'files of a deleted topic are left: the next owner of the broker removes them')
    }
  }
}

interface Facts extends Pick<BrokerState, 'directory' | 'epoch' | 'clock' | 'random' | 'log' | 'committer'> {
  /** Whether a client's process is dead for certain. */
  readonly isDead: (process: string) => boolean
}
