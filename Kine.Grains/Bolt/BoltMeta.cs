namespace Kine.Grains.Bolt;

/// <summary>What a meta page says.</summary>
/// <param name="PageSize">Bytes of a page.</param>
/// <param name="Root">Page of the root bucket.</param>
/// <param name="Pages">Pages of the file that count.</param>
/// <param name="Transaction">Id of the transaction that wrote it.</param>
internal readonly record struct BoltMeta(uint PageSize, ulong Root, ulong Pages, ulong Transaction);
