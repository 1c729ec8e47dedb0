import { startServer } from './start-server.fake.ts'

/** The whole server in a process of its own that tells its memory: `node --expose-gc`, with an IPC channel. */
const server = await startServer({ PULLTRACE_LOG_LEVEL: 'error' })
process.on('message', async message => {
  if (message === 'stop') {
    await server.stop()
    process.disconnect()
    return
  }
  // The recorder of the test log is not the server's memory.
  ;(server.logged as unknown[]).length = 0
  // Twice, in turns of their own: what the first round finalises the second one frees.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  process.send?.({ usedBytes: heapUsed + arrayBuffers })
})
process.send?.({ url: server.url, metricsUrl: server.metricsUrl })
