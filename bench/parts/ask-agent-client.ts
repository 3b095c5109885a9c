// A program that asks.
import { app, doubling } from './ask-agent-app.js'
import { measureAsks } from './asking.js'

const client = await app.client()
const sample = await measureAsks(n => doubling.ask(n))
await client[Symbol.asyncDispose]()
process.send!(sample)
