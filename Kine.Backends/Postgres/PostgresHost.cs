namespace Kine.Backends.Postgres;

/// <summary>One server that may hold the database.</summary>
/// <param name="Name">Host name, address, or the folder of a Unix socket.</param>
/// <param name="Port">TCP port, or the number in the socket's name.</param>
public readonly record struct PostgresHost(string Name, int Port)
{
    /// <summary>True for a Unix socket, which knows nothing of TCP's settings.</summary>
    public bool IsSocket => Name.StartsWith('/') || Name.StartsWith('@');

    public override string ToString() => Name.Contains(':') ? $"[{Name}]:{Port}" : $"{Name}:{Port}";
}
