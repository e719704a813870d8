namespace Kine.Tests.Stores;

/// <summary>The contract on SQLite without a WAL, where reads and writes lock each other out.</summary>
public sealed class SqliteRollbackJournalContract : SqliteStoreContract
{
    protected override string Parameters => "?_journal_mode=DELETE&_synchronous=NORMAL";
}
