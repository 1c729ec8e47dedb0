import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { answerUsage } from '../measure.ts'

/** What Koa costs: the same as bare-http, in a Koa handler. */
const app = new Koa()
app.use(async ctx => {
  const chunks: Buffer[] = []
  for await (const chunk of ctx.req) chunks.push(chunk)
  const { pulls } = JSON.parse(Buffer.concat(chunks).toString())
  ctx.body = { accepted: true, pulls: pulls.length }
})
const server = createServer(app.callback())
// As pulltrace-server does: an agent that reports every few seconds keeps its connection.
server.keepAliveTimeout = 90_000
server.listen(0, '127.0.0.1', () => answerUsage(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
