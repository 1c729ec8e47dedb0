import type { CDPSession, Page } from 'playwright-core'

const ourMark = 'bench-pages'

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** When it began, by a clock of the machine, and how long it took. Microseconds. */
  readonly ts: number
  readonly dur?: number
  /** Processor time of it. Microseconds. */
  readonly tdur?: number
}

/** One task of a page's main thread, in which nothing else of the page runs. */
export interface Task {
  /** When it ended. Milliseconds, by the clock that NavigationStart of Performance.getMetrics has. */
  readonly endMs: number
  /** Processor time: on a busy machine a task takes longer than it costs. Milliseconds. */
  readonly cpuMs: number
}

/** The tasks of the page's main thread while `during` runs. A browser has other pages, of its own. */
export async function traceTasks(
  browser: CDPSession,
  page: Page,
  during: () => Promise<void>,
): Promise<readonly Task[]> {
  const events: TraceEvent[] = []
  const collect = ({ value }: { value: object[] }) => void events.push(...(value as TraceEvent[]))
  browser.on('Tracing.dataCollected', collect)
  const complete = new Promise<void>(resolve => browser.once('Tracing.tracingComplete', () => resolve()))
  await browser.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { recordMode: 'recordUntilFull', includedCategories: ['toplevel', 'blink.user_timing'] },
  })
  try {
    await during()
    await page.evaluate(`performance.mark('${ourMark}')`)
  } finally {
    await browser.send('Tracing.end')
    await complete
    browser.off('Tracing.dataCollected', collect)
  }
  const mark = events.find(({ name }) => name === ourMark)
  if (mark === undefined) throw new Error('the trace does not tell which thread is the page')
  return events
    .filter(({ name, pid, tid }) => name === 'ThreadControllerImpl::RunTask' && pid === mark.pid && tid === mark.tid)
    .map(({ ts, dur = 0, tdur = 0 }) => ({ endMs: (ts + dur) / 1000, cpuMs: tdur / 1000 }))
}
