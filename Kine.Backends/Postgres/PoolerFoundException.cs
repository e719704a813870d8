namespace Kine.Backends.Postgres;

/// <summary>A connection turned out to go through a connection pooler, so that prepared statements are not safe.</summary>
internal sealed class PoolerFoundException() : Exception("there is a connection pooler in between");
