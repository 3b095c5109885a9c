import { ClosedError } from '../errors.js'
import type { Host } from '../channel/host.js'
import { AppTopic } from '../channel/topic.js'
import { TopicColumns } from '../channel/topic-columns.js'
import { thrown } from '../lib/thrown.js'
import { publish, traces } from '../lib/trace.js'
import type { InHand } from '../stream/hands.js'
import type { Held } from '../stream/lane.js'
import { StreamQueue } from '../stream/queue.js'
import type { TopicPartition } from '../transport/transport.js'
import { Actor, type ActorFailure } from './actor.js'
import type { AppAgent } from './agent.js'
import { ErrorPolicies, isCancellation } from './error-policy.js'
import { sendFailure } from './outlet.js'
import { returnAddress } from './protocol.js'
import type { RequestReaders } from './request-readers.js'
import { budgetSpent, crashed, reportEnd, reportFailure } from './reports.js'
import { RestartBudget } from './supervisor.js'

export interface CrewOptions {
  readonly agent: AppAgent
  readonly host: Host
  readonly isScoped: boolean
  /** Of all agents of the worker. */
  readonly requestReaders: RequestReaders
}

/** A place for one actor after the other: what outlives a restart. */
interface Post {
  readonly queue: StreamQueue
  readonly opened: Map<string, StreamQueue>
  actor: Actor | null
  /** The partition that it is for, with `isolatedPartitions`. */
  partition: TopicPartition | null
  /** Nobody is going to be on it any more. */
  isGivenUp: boolean
}

/** All actors of one agent in one worker, with its supervisor. */
export class Crew {
  readonly agent: AppAgent
  readonly #options: CrewOptions
  readonly #host: Host
  readonly #policies: ErrorPolicies
  readonly #budget: RestartBudget
  readonly #posts: Post[] = []
  /** Actors that are ended only to be replaced. */
  readonly #replacing = new Set<Actor>()
  #isStopping = false
  #isForfeited = false
  /** Actors that are about to be replaced. */
  restarting = 0
  /** How often an actor has failed, and has been replaced. */
  readonly counts = { failed: 0, restarted: 0, ended: 0 }

  constructor(options: CrewOptions) {
    this.#options = options
    this.agent = options.agent
    this.#host = options.host
    this.#policies = new ErrorPolicies(options.agent.name, options.agent.settings.onError, options.host)
    this.#budget = new RestartBudget(options.agent.settings.supervision, options.host.clock)
  }

  /** Subscribes, and runs the bodies up to their first request for an event. */
  start(): void {
    const { concurrency, isolatedPartitions } = this.agent.settings
    const shared = newPost(null)
    const { queue } = shared
    for (let count = 0; count < concurrency; count++) this.#posts.push({ ...shared })
    this.#subscribe(isolatedPartitions, queue)
    for (const post of this.#posts) this.#man(post)
  }

  /** No further event is handed out; actors finish what they have in hand. */
  stop(): void {
    this.#isStopping = true
    this.#policies.stop()
    for (const post of this.#posts) {
      post.actor?.end()
      close(post)
    }
  }

  /** Resolves when every actor that was stopped has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.actors.map(actor => actor.over))
  }

  get actors(): readonly Actor[] {
    return this.#posts.flatMap(({ actor }) => (actor?.isRunning === true ? [actor] : []))
  }

  /** Events in hand, by actor, for whoever asks what a worker waits for. */
  get inHand(): readonly Held[] {
    return this.actors.flatMap(actor => actor.hands.peek())
  }

  #subscribe(isIsolated: boolean, queue: StreamQueue): void {
    const { source } = this.agent
    const changes = { leaving: (at: TopicPartition) => this.#leaving(at), gone: (at: TopicPartition) => this.#leave(at) }
    if (!(source instanceof AppTopic)) this.#host.inbox(source).subscribe(queue)
    else if (!isIsolated) this.#host.subscribe({ topic: source, queueFor: () => queue })
    else this.#host.subscribe({ topic: source, queueFor: at => this.#postFor(at).queue, ...changes })
  }

  /** The actor that ran ahead takes the first partition assigned, others get one of their own. */
  #postFor(at: TopicPartition): Post {
    const ahead = this.#posts.find(post => post.partition === null && !post.isGivenUp)
    if (ahead !== undefined) {
      ahead.partition = at
      return ahead
    }
    const post = newPost(at)
    if (this.#isStopping || this.#isForfeited) {
      post.queue.close()
      return post
    }
    this.#posts.push(post)
    this.#man(post)
    return post
  }

  /** What is in hand of the partition is waited for: whoever works on it hears of that first. */
  #leaving(at: TopicPartition): void {
    for (const post of this.#postsOf(at)) {
      post.isGivenUp = true
      if (post.actor?.isRunning === true) this.#replacing.add(post.actor)
      post.actor?.end()
    }
  }

  #leave(at: TopicPartition): void {
    this.#leaving(at)
    for (const post of this.#postsOf(at)) {
      this.#posts.splice(this.#posts.indexOf(post), 1)
      close(post)
    }
  }

  #postsOf(at: TopicPartition): readonly Post[] {
    return this.#posts.filter(({ partition }) => partition?.topic === at.topic && partition.partition === at.partition)
  }

  #man(post: Post): void {
    const { agent, host, isScoped } = this.#options
    const actor = new Actor({
      agent,
      host,
      isScoped,
      queue: post.queue,
      opened: post.opened,
      onUnanswered: held => this.#unanswered(held),
      onEnded: ended => this.#ended(post, ended),
      onFailed: (failed, failure) => this.#failed({ post, actor: failed }, failure),
      hopFailed: (error, held) => this.#hopFailed(error, held),
    })
    post.actor = actor
    actor.start()
  }

  /** Once nobody is left to read its queue, other readers of the topic go on without. */
  #giveUp(post: Post, why: string): void {
    post.isGivenUp = true
    this.counts.ended++
    reportEnd(this.#host, this.agent, { queued: post.queue.queued, why })
    if (this.#posts.every(({ queue, isGivenUp }) => isGivenUp || queue !== post.queue)) close(post)
  }

  #ended(post: Post, actor: Actor): void {
    if (this.#isStopping) return
    if (this.#replacing.delete(actor)) {
      if (this.#posts.includes(post)) this.#replace(post)
      return
    }
    this.#giveUp(post, this.#isForfeited ? 'all actors of the agent are forfeited' : 'its function has returned')
  }

  #failed(who: { post: Post; actor: Actor }, failure: ActorFailure): void {
    const { error, held, isCancelled } = failure
    // It was told to end, and what it does on its way out concerns no event.
    if (error instanceof ClosedError && who.actor.hands.isEnded && held.length === 0) return this.#ended(who.post, who.actor)
    if (isCancelled) {
      this.#cancelled(error, held)
      who.post.queue.wake()
      return this.#ended(who.post, who.actor)
    }
    this.counts.failed++
    reportFailure(this.#host, this.agent, { error, held })
    this.#policies.apply(error, held)
    this.#replacing.delete(who.actor)
    if (this.#isStopping || !this.#posts.includes(who.post)) return
    this.#supervise(who, { error, hadEvent: held.length > 0 })
  }

  #cancelled(error: unknown, held: readonly InHand[]): void {
    this.#policies.putBack(held)
    const message = `Agent "${this.agent.name}" broke off what it was working on: it comes again`
    this.#host.log.debug({ agent: this.agent.name, error }, message)
  }

  async #hopFailed(error: unknown, held: readonly InHand[]): Promise<void> {
    if (this.#isStopping && isCancellation(error)) return this.#cancelled(error, held)
    this.counts.failed++
    reportFailure(this.#host, this.agent, { error, held })
    this.#policies.apply(error, held)
    await Promise.resolve()
  }

  #supervise(who: { post: Post; actor: Actor }, failure: { error: unknown; hadEvent: boolean }): void {
    const { strategy } = this.agent.settings.supervision
    switch (strategy) {
      case 'crashing':
        return this.#host.fail(crashed(this.agent, failure.error))
      case 'forfeit-one-for-one':
        return this.#giveUp(who.post, 'it failed and is forfeited')
      case 'forfeit-one-for-all':
        this.#isForfeited = true
        for (const actor of this.actors) actor.end()
        return this.#giveUp(who.post, 'it failed and all actors of the agent are forfeited')
      case 'one-for-one':
      case 'one-for-all':
        if (!this.#budget.spend(failure.hadEvent)) return this.#host.fail(budgetSpent(this.agent, failure.error))
        if (strategy === 'one-for-all') this.#replaceOthers()
        // In a turn of its own: an agent that fails at once must not starve the rest.
        this.restarting++
        return this.#host.clock.turn(() => {
          this.restarting--
          this.#replace(who.post)
        })
      default:
        strategy satisfies never
    }
  }

  #replaceOthers(): void {
    for (const actor of this.actors) {
      this.#replacing.add(actor)
      actor.end()
    }
  }

  #replace(post: Post): void {
    if (this.#isStopping || !this.#posts.includes(post) || post.isGivenUp || post.queue.isClosed) return
    this.counts.restarted++
    publish(traces.actorRestarted, () => ({ agent: this.agent.name }))
    this.#man(post)
  }

  #unanswered(held: Held): void {
    const { columns } = held.lot
    const address = returnAddress(columns.headers(held.index))
    if (address === null || !this.#options.requestReaders.isLast(held)) return
    const refusal = columns instanceof TopicColumns ? columns.refusal(held.index) : undefined
    if (refusal !== undefined) return sendFailure(this.#host, held, { kind: 'error', ...thrown(refusal) })
    const message = `Agent "${this.agent.name}" went on without an answer to request ${address.correlationId}. Yield once for every event that is asked.`
    sendFailure(this.#host, held, { kind: 'no-reply', name: 'NoReplyError', message })
  }
}

function newPost(partition: TopicPartition | null): Post {
  return { queue: new StreamQueue(), opened: new Map(), actor: null, partition, isGivenUp: false }
}

function close({ queue, opened }: Post): void {
  queue.close()
  for (const other of opened.values()) other.close()
}
