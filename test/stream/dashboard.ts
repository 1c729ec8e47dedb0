import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the page has seen, read by the test as `window.seen`. */
export interface PageSeen {
  readonly events: readonly {
    readonly type: string
    readonly pullId: string
    readonly id: string
    readonly atMs: number
  }[]
  readonly resets: number
  readonly synced: number
  /** Tickets used up: one for each connection. */
  readonly tickets: number
  /** Why a ticket or a connection was refused, newest last. */
  readonly failures: readonly string[]
}

/** A page of someone else's, on an origin of its own, that follows the stream as the documentation says. */
export async function startDashboard(api: () => string, token: string) {
  const server = createServer((_, response) => {
    const script = `(${follow})(${JSON.stringify(api())}, ${JSON.stringify(token)})`
    const html = `<!doctype html><title>dashboard</title><script>${script}</script>`
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Runs in the browser, so it may use nothing from outside. A ticket is good once: to come back takes a new one. */
function follow(api: string, token: string): void {
  const page = globalThis as unknown as {
    seen: { events: object[]; resets: number; synced: number; tickets: number; failures: string[] }
    EventSource: new (url: string) => EventTarget & { close(): void }
  }
  const seen = { events: [] as object[], resets: 0, synced: 0, tickets: 0, failures: [] as string[] }
  page.seen = seen
  let lastEventId = ''

  const connect = async () => {
    try {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${api}/api/v1/tickets`, { method: 'POST', headers })
      if (!answer.ok) throw new Error(`tickets answered ${answer.status}`)
      const { ticket } = (await answer.json()) as { ticket: string }
      seen.tickets++
      const since = lastEventId === '' ? '' : `&lastEventId=${encodeURIComponent(lastEventId)}`
      const source = new page.EventSource(`${api}/api/v1/events?ticket=${ticket}${since}`)
      const keepId = (message: Event) => {
        const id = (message as MessageEvent).lastEventId
        if (id !== '') lastEventId = id
      }
      source.addEventListener('message', message => {
        keepId(message)
        const { type, pull } = JSON.parse((message as MessageEvent).data)
        seen.events.push({ type, pullId: pull.id, id: (message as MessageEvent).lastEventId, atMs: Date.now() })
      })
      source.addEventListener('reset', () => {
        seen.resets++
      })
      source.addEventListener('synced', message => {
        keepId(message)
        seen.synced++
      })
      source.addEventListener('error', () => {
        seen.failures.push('the stream broke')
        source.close()
        setTimeout(connect, 200)
      })
    } catch (error) {
      seen.failures.push(String(error))
      setTimeout(connect, 200)
    }
  }
  void connect()
}
