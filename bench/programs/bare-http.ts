import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerUsage } from '../measure.ts'

/** The floor: read the body, parse it, answer. */
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const { pulls } = JSON.parse(Buffer.concat(chunks).toString())
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"accepted":true,"pulls":${pulls.length}}`)
  })
})
// As pulltrace-server does: an agent that reports every few seconds keeps its connection.
server.keepAliveTimeout = 90_000
server.listen(0, '127.0.0.1', () => answerUsage(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
