import { add, of, seat, type Cohort, type Plan } from './assignment-plan.js'

/** Moves units until the loads are as level as the subscriptions allow, then until nothing is better with the same loads. */
export function balance(plan: Plan): void {
  for (let chain = findChain(plan); chain.length > 0; chain = findChain(plan)) apply(plan, chain)
  for (let ring = findRing(plan); ring.length > 0; ring = findRing(plan)) apply(plan, ring)
}

/** One unit goes to another member; of no cohort: two members whose loads differ by one swap them. */
interface Shift {
  readonly cohort: Cohort | null
  readonly from: number
  readonly to: number
  readonly cost: number
}

function apply(plan: Plan, shifts: readonly Shift[]): void {
  for (const { cohort, from, to } of shifts) {
    if (cohort === null) continue
    seat(plan, cohort, to)
    add(cohort.quota, from, -1)
    add(plan.loads, from, -1)
  }
}

/** Shifts from a member to one with at least two units less, by way of others where it must be; none when loads are level. */
function findChain(plan: Plan): readonly Shift[] {
  const loadOf = (member: number): number => of(plan.loads, member)
  const lightestFirst = [...plan.loads.keys()].sort((left, right) => loadOf(left) - loadOf(right))
  for (const source of lightestFirst.toReversed()) {
    const limit = loadOf(source) - 2
    const reached: Shift[] = []
    const queue = lightestFirst.some(member => loadOf(member) <= limit) ? [source] : []
    for (const from of queue) {
      for (const to of lightestFirst) {
        const shift = to === source || reached[to] ? null : cheapestShift(plan, from, to)
        if (shift === null) continue
        reached[to] = shift
        if (loadOf(to) <= limit) return trace(reached, to)
        queue.push(to)
      }
    }
  }
  return []
}

/** A ring of shifts that keeps the loads and betters the rest: a negative cycle, found the way of Bellman and Ford. */
function findRing(plan: Plan): readonly Shift[] {
  const members = [...plan.loads.keys()]
  const shifts = members.flatMap(from =>
    members.flatMap(to => [cheapestShift(plan, from, to) ?? [], swap(plan, from, to)].flat()),
  )
  const costs = members.map(() => 0)
  const last: Shift[] = []
  for (;;) {
    let end: number | undefined
    for (const shift of shifts) {
      if (of(costs, shift.from) + shift.cost >= of(costs, shift.to)) continue
      costs[shift.to] = of(costs, shift.from) + shift.cost
      last[shift.to] = shift
      end = shift.to
    }
    if (end === undefined) return []
    // Whoever can go back for as many steps as there are members is on the ring then.
    for (const _step of members) end = last[end ?? -1]?.from
    if (end !== undefined) return trace(last, end)
  }
}

/** The shifts that led to a member, as far back as they go or until they repeat. */
function trace(last: readonly Shift[], end: number): readonly Shift[] {
  const shifts: Shift[] = []
  for (let shift = last[end]; shift && !shifts.includes(shift); shift = last[shift.from]) shifts.push(shift)
  return shifts
}

function cheapestShift({ cohorts }: Plan, from: number, to: number): Shift | null {
  let cheapest: Shift | null = null
  for (const cohort of cohorts) {
    if (from === to || of(cohort.quota, from) === 0 || !cohort.subscribers.has(to)) continue
    const cost = costOf(cohort, from, -1) + costOf(cohort, to, 1)
    if (cheapest === null || cost < cheapest.cost) cheapest = { cohort, from, to, cost }
  }
  return cheapest
}

function swap({ loads }: Plan, from: number, to: number): Shift[] {
  return of(loads, to) === of(loads, from) + 1 ? [{ cohort: null, from, to, cost: 0 }] : []
}

/** What a unit more or less adds to the units moved, and to the squared units of the cohort; one of the first outweighs all of the second. */
function costOf({ owned, quota }: Cohort, member: number, units: 1 | -1): number {
  const before = of(quota, member)
  const kept = Math.min(before + units, of(owned, member)) - Math.min(before, of(owned, member))
  return units * (2 * before + units) - kept * oneMove
}

/** Outweighs what a ring of shifts can change of squared units, and leaves room for as many moves. */
const oneMove = 2 ** 32
