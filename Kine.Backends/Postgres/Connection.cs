using System.Data.Common;
using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>A connection that writes, and what the server warned of on it.</summary>
internal sealed class Connection : SqlConnection
{
    private readonly NpgsqlConnection _inner;

    /// <summary>Takes the connection over.</summary>
    public Connection(NpgsqlConnection inner, int generation)
        : base(generation)
    {
        _inner = inner;
        inner.Notice += Noted;
    }

    public override DbConnection Inner => _inner;

    /// <summary>A command without a time limit of its own.</summary>
    public NpgsqlCommand Command(string statement) => new(statement, _inner) { CommandTimeout = 0 };

    /// <summary>Runs a statement.</summary>
    public async Task Run(string statement)
    {
        using var command = Command(statement);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    // A cancelled wait for a synchronous standby is a mere warning, though the transaction may be lost with this server. Whatever else the
    // server warns of at a commit is taken for the same, but for the reminders that transaction numbers run out.
    private void Noted(object sender, NpgsqlNoticeEventArgs arguments)
    {
        var notice = arguments.Notice;
        if (notice.InvariantSeverity == "WARNING" && notice.File is not ("varsup.c" or "multixact.c"))
            Doubt = $"{notice.MessageText} ({notice.SqlState})";
    }

    public override ValueTask DisposeAsync()
    {
        _inner.Notice -= Noted;
        return _inner.DisposeAsync();
    }
}
