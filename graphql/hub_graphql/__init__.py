"""Everything GraphQL: schema, resolvers, loaders, limits and execution."""
