export interface CheckOptions {
  /**
   * Asked of each rule that matched: true and its match makes no event, though the outcome tells it. For a caller who
   * checks one thing again and again and reports it once.
   */
  readonly skipEvent?: ((rule: { readonly ruleId: string; readonly version: number }) => boolean) | undefined
}
