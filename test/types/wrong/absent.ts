// What is designed but not built is not there at all, instead of being there and throwing. Whoever builds it takes it out of here.
import type * as types from 'faust-ts'
// @ts-expect-error Cannot find module 'faust-ts/leveldb'
import type {} from 'faust-ts/leveldb'
// @ts-expect-error Cannot find module 'faust-ts/store'
import type {} from 'faust-ts/store'
// @ts-expect-error Cannot find module 'faust-ts/web'
import type {} from 'faust-ts/web'
// @ts-expect-error Cannot find module 'faust-ts/monitor'
import type {} from 'faust-ts/monitor'
import { z } from 'zod'

const faust = await import('faust-ts')
const testing = await import('faust-ts/testing')

// Joins, windows and drivers; the errors of what is not there.
// @ts-expect-error Property 'merge' does not exist on type
faust.merge
// @ts-expect-error Property 'join' does not exist on type
faust.join
// @ts-expect-error Property 'leftJoin' does not exist on type
faust.leftJoin
// @ts-expect-error Property 'outerJoin' does not exist on type
faust.outerJoin
// @ts-expect-error Property 'joinTable' does not exist on type
faust.joinTable
// @ts-expect-error Property 'leftJoinTable' does not exist on type
faust.leftJoinTable
// @ts-expect-error Property 'tumbling' does not exist on type
faust.tumbling
// @ts-expect-error Property 'hopping' does not exist on type
faust.hopping
// @ts-expect-error Property 'sliding' does not exist on type
faust.sliding
// @ts-expect-error Property 'session' does not exist on type
faust.session
// @ts-expect-error Property 'kafka' does not exist on type
faust.kafka
// @ts-expect-error Property 'embedded' does not exist on type
faust.embedded
// @ts-expect-error Property 'leveldb' does not exist on type
faust.leveldb
// @ts-expect-error Property 'TableWriteError' does not exist on type
faust.TableWriteError
// @ts-expect-error Property 'PartitionNotOwnedError' does not exist on type
faust.PartitionNotOwnedError
// @ts-expect-error Property 'StoreError' does not exist on type
faust.StoreError
// @ts-expect-error Property 'RecoveryError' does not exist on type
faust.RecoveryError
// @ts-expect-error Property 'simulate' does not exist on type
testing.simulate
// @ts-expect-error Property 'describeStore' does not exist on type
testing.describeStore
// @ts-expect-error has no exported member 'Table'
export type Table = types.Table
// @ts-expect-error has no exported member 'Window'
export type Window = types.Window
// @ts-expect-error has no exported member 'Store'
export type Store = types.Store
// @ts-expect-error has no exported member 'Page'
export type Page = types.Page

const app = new faust.App('absent')
const additions = app.topic('adding', { value: z.object({ a: z.number() }) })

// @ts-expect-error Property 'table' does not exist on type 'App'
app.table('x', { value: z.number() })
// @ts-expect-error Property 'globalTable' does not exist on type 'App'
app.globalTable('x', { value: z.number() })
// @ts-expect-error Property 'setTable' does not exist on type 'App'
app.setTable('x', { value: z.number() })
// @ts-expect-error Property 'page' does not exist on type 'App'
app.page('/count/:word', {}, () => new Response())
// @ts-expect-error Property 'groupBy' does not exist on type 'Stream<
additions.stream().groupBy('a')

// @ts-expect-error Type '"exactly-once"' is not assignable to type '"at-least-once"'
void new faust.App('x', { guarantee: 'exactly-once' })
// @ts-expect-error 'store' does not exist in type 'AppOptions'
void new faust.App('x', { store: 'memory:' })
// @ts-expect-error 'standbyReplicas' does not exist in type 'AppOptions'
void new faust.App('x', { standbyReplicas: 1 })
// @ts-expect-error Type '{ port: number; }' is not assignable to type 'false'
await app.start({ web: { port: 6066 } })
