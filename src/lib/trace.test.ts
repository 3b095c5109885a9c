import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { publish, traces } from './trace.js'

test('facts are gathered only while somebody subscribes', () => {
  const heard: unknown[] = []
  const listen = (message: unknown): void => void heard.push(message)
  publish(traces.committed, () => expect.unreachable('nobody listens'))
  subscribe('faust:committed', listen)
  publish(traces.committed, () => ({ offsets: 3 }))
  unsubscribe('faust:committed', listen)
  publish(traces.committed, () => expect.unreachable('nobody listens any more'))
  expect(heard).toEqual([{ offsets: 3 }])
})

test('every channel is named after its trace', () => {
  for (const [name, channel] of Object.entries(traces)) {
    expect(channel.name).toBe(`faust:${name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`)
  }
})
