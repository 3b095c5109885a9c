import { App, createLogger } from 'faust-ts'
import { z } from 'zod'

// One of the timers below fails on purpose; its report would go to standard error.
const app = new App('housekeeping', { logger: await createLogger({ level: 'silent', format: 'json' }) })
const readings = app.topic('readings', { value: z.number() })
const ticks = app.channel('ticks', { value: z.string() })

// Every 50 ms, the first time after 50 ms. It never overlaps itself: a tick that comes while it runs is skipped.
let beats = 0
app.timer('heartbeat', { every: '50ms' }, () => ticks.send(`heartbeat ${++beats}`))

// In one worker of the app only, however many there are.
app.timer('on-the-leader', { every: '50ms', onLeader: true }, () => ticks.send('leader'))

// A timer that throws is reported, and runs again at its next time: it does not stop the worker.
let failures = 0
app.timer('flaky', { every: '50ms' }, () => {
  if (++failures === 1) throw new Error('not this time')
  return ticks.send('flaky')
})

// At calendar times: minute, hour, day of the month, month, weekday; with six fields the first one is the second.
app.crontab('every-second', { at: '* * * * * *', timezone: 'Europe/Oslo' }, () => ticks.send('crontab'))

// Once, for the worker's life: the signal tells it to stop, and its streams end. If it fails the worker stops.
let sum = 0
const summing = new Promise<void>(done => {
  app.task('summing', {}, async signal => {
    for await (const reading of readings.stream()) sum += reading
    console.log(`the task ends: ${signal.aborted ? 'it was told to' : 'by itself'}, the sum of the readings is ${sum}`)
    done()
  })
})

const running = await app.start()
for (const reading of [20, 21, 22]) await readings.send(reading)

const wanted = new Set(['heartbeat 3', 'leader', 'flaky', 'crontab'])
for await (const tick of ticks.stream()) {
  if (wanted.delete(tick)) console.log('seen:', tick)
  if (wanted.size === 0 && sum === 63) break
}
await running.stop()
await summing
