namespace Kine.Tests.Servers;

/// <summary>A real MariaDB.</summary>
/// <param name="options">Further options of the server.</param>
public sealed class MariaDbServer(params string[] options) : MySqlLikeServer
{
    public override string Name => "MariaDB";

    public override string DeadlocksQuery => "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'";

    public override (string Begin, string End) BackupLock =>
        ("BACKUP STAGE START; BACKUP STAGE FLUSH; BACKUP STAGE BLOCK_DDL; BACKUP STAGE BLOCK_COMMIT", "BACKUP STAGE END");

    public override string Account => "mysql";

    protected override IEnumerable<string> Program => ["/usr/sbin/mariadbd", "--no-defaults", .. User];

    protected override IEnumerable<string> Options => ["--innodb-log-file-size=16M", .. options];

    // Servers refuse to run as root.
    private string[] User => Environment.IsPrivilegedProcess ? [$"--user={Account}"] : [];

    protected override async Task Install()
    {
        var install = await Command.Run("mariadb-install-db",
            ["--no-defaults", .. User, $"--datadir={Data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            within: StartLimit);
        Assert.True(install.ExitCode == 0, install.Output + install.Errors);
    }
}
