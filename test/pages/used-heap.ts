import { once } from 'node:events'

interface Target {
  readonly type: string
  readonly url: string
  readonly webSocketDebuggerUrl: string
}

/**
 * What a page or shared worker holds after a collection: objects of its script, and nodes and buffers that they keep.
 * Bytes. Of the page or shared worker whose address holds `part`, over Chromium's own debugger.
 */
export async function usedHeapOf(debuggerHost: string, type: 'page' | 'shared_worker', part: string): Promise<number> {
  const targets = (await (await fetch(`http://${debuggerHost}/json/list`)).json()) as Target[]
  const target = targets.find(one => one.type === type && one.url.includes(part))
  if (target === undefined) throw new Error(`there is no ${type} at '${part}' among ${JSON.stringify(targets)}`)
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await once(socket, 'open')
  try {
    let calls = 0
    const call = async (method: string): Promise<Record<string, number>> => {
      const id = ++calls
      socket.send(JSON.stringify({ id, method }))
      for (;;) {
        const [{ data }] = (await once(socket, 'message')) as [{ readonly data: string }]
        const answer = JSON.parse(data)
        if (answer.id === id) return answer.result
      }
    }
    let least = Number.POSITIVE_INFINITY
    // What one round finalises the next one frees; and a frame may be under way.
    for (let round = 0; round < 5; round++) {
      await call('HeapProfiler.collectGarbage')
      const { usedSize, backingStorageSize, embedderHeapUsedSize } = await call('Runtime.getHeapUsage')
      least = Math.min(least, usedSize! + (backingStorageSize ?? 0) + (embedderHeapUsedSize ?? 0))
    }
    return least
  } finally {
    socket.close()
  }
}
