/** Records of one write of the durability test: placements of one plan. */
export const PLACEMENTS = 7;
