import type { App } from '../index.js'
import { didYouMean } from './did-you-mean.js'
import { usageError } from './usage-error.js'

/** The topic that an agent reads, by the agent's name, with or without "@". */
export function sourceOf(app: App, given: string): string {
  const name = given.replace(/^@/, '')
  const { id, agents } = app.describe()
  const agent = agents.find(each => each.name === name)
  const names = agents.map(each => each.name)
  if (agent === undefined) {
    const known = names.length === 0 ? 'It has no agents.' : `Its agents are ${names.join(', ')}.`
    throw usageError(`"${id}" has no agent "${name}".${didYouMean(name, names) || ` ${known}`}`)
  }
  if (!agent.isChannel) return agent.source
  throw usageError(
    `The agent "${name}" reads the channel "${agent.source}", which lives in its worker's process: no command reaches it.`,
  )
}
