/** What a goodbye may take: whoever leaves has no time for a broker that is away. */
export const goodbyeMs = 5000
