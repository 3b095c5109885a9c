// A worker that answers.
import { app } from './ask-agent-app.js'

await app.start()
process.send!('up')
