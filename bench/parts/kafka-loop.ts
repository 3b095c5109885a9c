// The hand-written loops that the river, the reader and the producer are measured against on Kafka: one node, no groups, no
// metadata, no retries.
import { App } from 'faust-ts'
import type { Batch } from 'faust-ts/transport'
import { openBroker, type BenchBroker } from './bench-broker.js'
import { doublingInto } from './doubling.js'
import { fill, outputsOf, stored } from './fill.js'
import { BareFetcher, BareSender } from './kafka-wire.js'
import type { Outcome, Trial } from './measure.js'
import { storedAs } from './produce-driver.js'
import { partitions } from './input.js'
