/** The value of a metric without labels, as Prometheus would read it. */
export async function metricOf(metricsUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text()
  const [, value] = new RegExp(`^${name} (\\S+)$`, 'm').exec(text) ?? []
  if (value === undefined) throw new Error(`there is no metric ${name}`)
  return Number(value)
}
