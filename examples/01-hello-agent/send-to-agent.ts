import { adding } from './app.js'

// The worker runs in a console of its own. What it shares with this program is the broker, which is the folder ./.faust.
console.log(await adding.ask({ a: 4, b: 4 }))
