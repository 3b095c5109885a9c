import { type Clock, systemClock } from '../lib/clock.js'

/**
 * A clock on which time passes `factor` times as fast as on the wall: for tests over real sockets, whose time-outs would take
 * long and cannot be virtual.
 */
export function hurriedClock(factor: number): Clock {
  const startMs = systemClock.now()
  const startElapsedMs = systemClock.elapsed()
  const elapsed = (): number => (systemClock.elapsed() - startElapsedMs) * factor
  return {
    // Wall time is whole milliseconds.
    now: () => startMs + Math.floor(elapsed()),
    elapsed,
    after: (delayMs, run, kind) => systemClock.after(delayMs / factor, run, kind),
    turn: run => systemClock.turn(run),
    watch: (probe, giveUp) => systemClock.watch(probe, giveUp),
  }
}
