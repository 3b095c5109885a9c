import { OptionError } from '../errors.js'

/** Milliseconds, or a number with its unit: `250`, `'10s'`, `'1.5h'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

/** A duration in milliseconds; throws OptionError, which names the option `name`, for anything that is not one. */
export function toMs(duration: Duration, name: string): number {
  if (typeof duration === 'number' && duration >= 0 && duration < Infinity) return duration
  const [, amount, unit] = (typeof duration === 'string' && /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)) || []
  if (amount !== undefined && unit !== undefined) return Number(amount) * msPer[unit as Unit]
  throw new OptionError(
    `Cannot use ${shown(duration)} as '${name}': expected a duration such as '10s', '1.5h' or 250 ` +
      `(a number is milliseconds; the units are ms, s, m, h and d).`,
    { option: name },
  )
}

/** Milliseconds for people: `250ms`, `1.25s`, `1m 40s`, `2d 3h`. */
export function formatMs(ms: number): string {
  if (ms < 0) return `-${formatMs(-ms)}`
  if (ms < 999.5) return `${Number(ms.toPrecision(3))}ms`
  if (ms < 59_995) return `${Number((ms / 1000).toFixed(2))}s`
  if (ms === Infinity) return 'for ever'
  const coarse = ms < msPer.h ? 's' : ms < msPer.d ? 'm' : 'h'
  let rest = Math.round(ms / msPer[coarse]) * msPer[coarse]
  const parts: string[] = []
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / msPer[unit])
    rest -= count * msPer[unit]
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.join(' ')
}

type Unit = 'ms' | 's' | 'm' | 'h' | 'd'

const msPer: Record<Unit, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function shown(given: unknown): string {
  return typeof given === 'string' ? `'${given}'` : String(given)
}
