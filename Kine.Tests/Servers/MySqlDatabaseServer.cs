namespace Kine.Tests.Servers;

/// <summary>A real MySQL, as Debian's newest packages have it.</summary>
public sealed class MySqlDatabaseServer : MySqlLikeServer
{
    public override string Name => "MySQL";

    public override string DeadlocksQuery => "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'";

    public override (string Begin, string End) BackupLock => ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES");

    // The tools may stand where no other account can read them.
    public override string Account => "root";

    protected override IEnumerable<string> Program => [TestTools.MySql, .. Common];

    protected override IEnumerable<string> Options => ["--mysqlx=OFF"];

    private IEnumerable<string> Common =>
        ["--no-defaults", .. Environment.IsPrivilegedProcess ? [$"--user={Account}"] : Array.Empty<string>(), "--secure-file-priv=NULL", "--innodb-redo-log-capacity=32M"];

    protected override async Task Install()
    {
        var install = await Command.Run(TestTools.MySql, [.. Common, "--initialize-insecure", $"--datadir={Data}"], within: StartLimit);
        Assert.True(install.ExitCode == 0, install.Output + install.Errors);
    }
}
