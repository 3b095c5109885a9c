import { channel, type Channel } from 'node:diagnostics_channel'

/** What can be listened to with `node:diagnostics_channel`; nobody listening costs nothing. */
export const traces: Readonly<
  Record<
    'rebalanced' | 'agentFailed' | 'actorEnded' | 'decodeFailed' | 'actorRestarted' | 'committed' | 'lateTick' | 'channelSent',
    Channel
  >
> = {
  rebalanced: channel('faust:rebalanced'),
  agentFailed: channel('faust:agent-failed'),
  actorEnded: channel('faust:actor-ended'),
  decodeFailed: channel('faust:decode-failed'),
  actorRestarted: channel('faust:actor-restarted'),
  committed: channel('faust:committed'),
  lateTick: channel('faust:late-tick'),
  channelSent: channel('faust:channel-sent'),
}

/** Tells a channel's subscribers; the facts are gathered only when there are any. */
export function publish(to: Channel, facts: () => object): void {
  if (to.hasSubscribers) to.publish(facts())
}
