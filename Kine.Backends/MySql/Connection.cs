using System.Data.Common;
using System.Text;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>
/// A connection that writes. It gathers the statements of a transaction to one packet, so one round trip: the server stops at the first one that fails.
/// The library passes over answers that hold no rows, so a query just before the COMMIT tells whether an error was the COMMIT's.
/// <para>
/// In a cluster whose other servers take writes as well, a statement goes alone: Galera (seen with MariaDB 10.11) may roll a transaction back between two
/// statements of a packet and run the next one as a new transaction, which would commit records without their fence. Between two packets it says so.
/// </para>
/// </summary>
/// <param name="inner">An open session that commits nothing by itself.</param>
/// <param name="generation"><see cref="ISqlServer.Generation"/> before it was opened.</param>
/// <param name="alone">True where each statement goes alone.</param>
internal sealed class Connection(MySqlConnection inner, int generation, bool alone) : SqlConnection(generation)
{
    private readonly StringBuilder _text = new();
    private readonly List<int> _starts = []; // of the statements in the text
    private readonly List<(int Statement, object Value)> _bytes = [];
    private long _data; // bytes beside the text
    private int _queries; // in the text
    private string? _rows; // the statement at the end of the text that takes more rows

    public override DbConnection Inner => inner;

    /// <summary>What the packet takes at most so far: a byte may need two in a literal.</summary>
    public long Length => _text.Length + (2 * _data);

    /// <summary>Queries that were answered to the end, of the packet that was sent last.</summary>
    public int Answered { get; private set; }

    /// <summary>True once everything before the COMMIT has succeeded.</summary>
    public bool ReachedCommit { get; private set; }

    /// <summary>Starts a new packet.</summary>
    public void Clear()
    {
        _text.Clear();
        _starts.Clear();
        _bytes.Clear();
        _data = 0;
        _rows = null;
        _queries = 0;
        Answered = 0;
        ReachedCommit = false;
    }

    /// <summary>Starts a statement that gives no rows.</summary>
    public Connection Statement(string sql)
    {
        if (_starts.Count > 0)
            _text.Append(';');

        _starts.Add(_text.Length);
        _text.Append(sql);
        _rows = null;
        return this;
    }

    /// <summary>Starts a row of a statement that ends with its first one's parenthesis; rows that follow each other share it.</summary>
    public Connection Row(string sql)
    {
        if (_rows == sql)
            return Add(",(");

        Statement(sql);
        _rows = sql;
        return this;
    }

    /// <summary>Starts a query.</summary>
    public Connection Query(string sql)
    {
        _queries++;
        return Statement(sql);
    }

    /// <summary>Adds SQL.</summary>
    public Connection Add(string sql)
    {
        _text.Append(sql);
        return this;
    }

    /// <summary>Adds a number.</summary>
    public Connection Add(long value)
    {
        _text.Append(value);
        return this;
    }

    /// <summary>Adds bytes, which the library puts in as a binary literal.</summary>
    public Connection Add(ReadOnlyMemory<byte> value)
    {
        _text.Append('?');
        _bytes.Add((_starts.Count - 1, value));
        _data += value.Length;
        return this;
    }

    /// <summary>Sends what was gathered, without a COMMIT, and starts a new packet.</summary>
    public async Task Send()
    {
        await Execute(null).ConfigureAwait(false);
        Clear();
    }

    /// <summary>Sends what was gathered, whose last statement is a query, with a COMMIT behind it.</summary>
    /// <param name="visit">Called with each row.</param>
    public async Task Commit(Action<MySqlDataReader>? visit = null)
    {
        Statement("COMMIT");
        Committing();
        await Execute(visit).ConfigureAwait(false);
    }

    private async Task Execute(Action<MySqlDataReader>? visit)
    {
        if (!alone)
        {
            await Execute(_text.ToString(), 0, _starts.Count, visit).ConfigureAwait(false);
            return;
        }

        for (var i = 0; i < _starts.Count; i++)
        {
            var end = i + 1 < _starts.Count ? _starts[i + 1] - 1 : _text.Length;
            await Execute(_text.ToString(_starts[i], end - _starts[i]), i, i + 1, visit).ConfigureAwait(false);
        }
    }

    private async Task Execute(string sql, int first, int end, Action<MySqlDataReader>? visit)
    {
        var command = new MySqlCommand(sql, inner) { CommandTimeout = 0 };
        await using (command.ConfigureAwait(false))
        {
            foreach ((var statement, var value) in _bytes)
            {
                if (statement >= first && statement < end)
                    command.Parameters.Add(new MySqlParameter { Value = value });
            }

            await command.ReadAll(visit, () => ReachedCommit = ++Answered == _queries).ConfigureAwait(false);
        }
    }
}
