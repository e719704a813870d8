namespace Kine.Tests.Servers;

/// <summary>A streaming replica of a running PostgreSQL, which can be promoted.</summary>
public sealed class PostgresReplica(PostgresServer primary) : PostgresServer
{
    /// <summary>Name under which the primary may wait for it.</summary>
    public const string StandbyName = "replica";

    public override string Name => "PostgreSQL replica";

    protected override async Task Initialize()
    {
        ServerAccount.Own(Path.GetDirectoryName(DataFolder)!);
        var source = $"host=127.0.0.1 port={primary.Port} user={User} password={Password} application_name={StandbyName}";
        await ServerAccount.Run(Program("pg_basebackup"), ["-D", DataFolder, "-d", source, "-X", "stream", "-R", "-c", "fast", "--no-sync"]);
    }

    /// <summary>Makes it a primary, and waits until it is one.</summary>
    public Task Promote() => Query("postgres", "SELECT pg_promote(true, 60)");
}
