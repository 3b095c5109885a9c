import { once } from 'node:events'
import { serve } from './server.js'

await using server = await serve(Number(process.env['PORT'] ?? 0))

console.log(`Try: curl -d '{ "a": 4, "b": 8 }' ${server.url}/sum`)
console.log('Ctrl-C stops it.')
await once(process, 'SIGINT')
