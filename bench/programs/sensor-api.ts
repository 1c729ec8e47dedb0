import { main } from '../../server/sensor-api/main.ts'
import { answerUsage } from '../measure.ts'

/** The real tk-sensor-api on a free port; its database and key are the measurement's. */
const settings = {
  TK_GRPC_ADDR: '127.0.0.1:0',
  TK_SENSOR_METRICS_ADDR: '127.0.0.1:0',
  TK_LOG_LEVEL: 'error',
  TK_KEY_CALLS_PER_SECOND: '0',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('TK_'))),
}
await main(settings, new AbortController().signal, { onListening: (url: string) => answerUsage(url) })
