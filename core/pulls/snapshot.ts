import type { AgentReport } from '../contract/agent-report.ts'

/** A report as merge takes it: v1 ones come through `snapshotOfV1` and have no `agent`. */
export type Snapshot = Omit<AgentReport, 'agent'> & { readonly agent?: AgentReport['agent'] }
