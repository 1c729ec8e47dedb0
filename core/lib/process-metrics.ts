import { collectDefaultMetrics, type Registry } from 'prom-client'

/**
 * Adds what every program tells of itself: CPU, memory, file descriptors, collections, delay of the event loop. The
 * delay is looked at ten times a second: prom-client's hundred wake a process that idles so often that it takes four times the CPU.
 */
export function collectProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 100 })
}
