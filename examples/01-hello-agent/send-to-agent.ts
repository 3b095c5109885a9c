import { adding, app } from './app.js'

// The broker is `memory:`, which lives in this process alone: no worker in another console could hear us, so that this
// program runs one itself. With a broker that processes share, this line goes, and the worker runs in its own console.
await using _running = await app.start()

console.log(await adding.ask({ a: 4, b: 4 }))
