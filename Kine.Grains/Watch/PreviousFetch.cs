namespace Kine.Grains.Watch;

/// <summary>A link whose previous pairs are to be fetched before it may be sent.</summary>
internal readonly record struct PreviousFetch(WatchGroup Group, GroupNode Node);
